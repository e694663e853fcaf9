"""Settlement: runs that turn readings into cleared markets and posted money, and their audit."""
