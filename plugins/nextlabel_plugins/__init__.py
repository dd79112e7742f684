"""The plugins in the box, found through entry points like anyone's."""
