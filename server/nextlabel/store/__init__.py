"""Everything that must survive a crash: items, labels, queries, jobs, checkpoints, and their files.

Each module stores one kind of record. Its functions take an open `Connection` first, so that
several fit into one transaction of `database.Database`. `home`, `atomic` and `checkpoint_files`
are about files.
"""
