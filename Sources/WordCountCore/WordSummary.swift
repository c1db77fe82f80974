/// What a count has found.
public struct WordSummary: Sendable {
  public struct Word: Sendable, Hashable {
    /// The word in lower case; of more than 4,096 letters as its first 64 letters and its length.
    public var text: String
    /// How often it occurs.
    public var count: UInt64

    public init(text: String, count: UInt64) {
      self.text = text
      self.count = count
    }
  }

  /// The most frequent words, the most frequent first, ties in alphabetical order (words too long to be
  /// kept whole, that begin alike, in the order of their lengths).
  public var words: [Word]

  /// The number of all occurrences of words.
  public var totalWords: UInt64

  /// The number of different words.
  public var distinctWords: UInt64

  /// Whether counts that stand on disk were left out, because the count was interrupted: then the counts
  /// of `words` and `distinctWords` are lower bounds.
  public var isPartial: Bool
}
