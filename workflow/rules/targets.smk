# What `all` asks for, stage by stage.
from gansr.plan.figure_jobs import figure_files

TABLES = [
    PATHS.table(table, form)
    for table in PLAN.tables
    for form in (".csv", ".md", ".tex", "_notes.md", "_vs_published.csv")
]
FIGURES = [file for figure in PLAN.figures for file in figure_files(PLAN, figure)]
