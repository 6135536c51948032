"""What a person looks at: figures, the answer in sentences, and the page. Loads neither torch nor ray."""
