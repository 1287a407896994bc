from gansr.cli import main

main()
