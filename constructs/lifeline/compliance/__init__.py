"""Rule packs, and the reasons for what does not follow them."""
