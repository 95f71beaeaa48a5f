"""Reports of other runs, found in files, folders, globs and zips, and taken into the history."""
