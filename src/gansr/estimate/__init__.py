"""What a run costs before any job starts: floating point operations, GPU hours, disk. Imports no torch."""
