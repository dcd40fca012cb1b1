"""A Feast repository: feature_store.yaml says where values are kept, definitions.py what they are."""
