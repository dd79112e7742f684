"""Views of the pool for the pages: the gallery, its filters, single items, uploads."""
