"""What this machine serves: the page on which people label pairs."""
