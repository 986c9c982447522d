"""Tables of the README and the documents, each printed by a module of its own."""
