"""Missing values of analytic attributes, completed by the method that masking chose."""
