"""Pictures of the documentation, each made from the table or the templates that it shows."""
