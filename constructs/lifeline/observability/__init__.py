"""What is measured, what wakes a person, and the one screen that person looks at."""
