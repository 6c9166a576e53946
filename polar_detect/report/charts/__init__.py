"""Where the marks of charts go, and how matplotlib draws them."""
