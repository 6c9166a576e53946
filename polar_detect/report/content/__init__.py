"""What a report shows and says: values computed once, and sentences, for every renderer."""
