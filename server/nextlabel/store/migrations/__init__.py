"""The migrations, in order, and how they are run; packaged, so an installed wheel has them."""
