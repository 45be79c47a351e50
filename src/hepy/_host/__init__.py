"""What the host has for all layers: a thread pool and locks, its engines for big integers, words side by side, files."""
