"""Breaks each rule of the warehouse once, in a copy of the project, and says which test saw it.

`python -m tests.mutations` tries all of them, `--sample 3 --seed 7` some; exit status 1 when one
was not caught. The list is mutations.yml.
"""
