"""The database migrations and the code that runs them. They are part of the package, so a wheel contains them."""
