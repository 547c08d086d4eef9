"""One service model, three renderings of it, and the managers that run them."""
