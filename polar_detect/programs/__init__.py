"""Program spaces, and the minimal programs of texts by any criterion."""
