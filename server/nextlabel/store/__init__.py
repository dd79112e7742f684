"""What must survive a crash: items, labels, queries, jobs, checkpoints, and the files beside them.

Each module is one kind of thing; its functions take an open `Connection` first, so that
several fit in one transaction of `database.Database`. `targets` folds labels into arrays and
touches no database; `files` and `checkpoint_files` are what lies on disk.
"""
