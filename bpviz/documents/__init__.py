"""Fill marked blocks of documents with tables and figures."""
