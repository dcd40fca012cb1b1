"""What keeps a recommender alive: features, pipeline, monitoring. Each file needs an extra, and says which."""
