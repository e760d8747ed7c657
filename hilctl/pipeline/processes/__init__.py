"""Acting and learning at once: two processes, and the one that watches over them."""
