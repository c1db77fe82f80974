import Sluice

/// Some of the words of a range, and what came of reading it since the ones before: what a counting process gives
/// back.
struct CountedRange: Sendable, Codable {
  var words: CountedWords
  var bytesRead: Int
  /// In the last one of a range, if it could not be read to its end.
  var failure: ReadFailure?
}

/// Counts the words of ranges, in worker processes.
///
/// What crosses is a range's description there, and tables back: text that is read where its words are counted need
/// not cross at all. A range gives several tables if it has many different words, since what waits between processes
/// and merge is to be bounded by bytes too. So it may have given some when its process dies; they stay, as
/// does what was read of a file before it could not be read.
struct CountRange: ProcessBranch {
  /// Tables that are given back hold no more than this, unless it is one word alone.
  static let tableLimits = WordTable.Limits(words: CountedWords.tableLimits.words, bytes: 64 * 1024)
  /// Bytes after which a table is given back however few words it has, so that who looks at a long
  /// read sees that it goes on.
  private static let mostBytes = 1 << 20

  /// Those of the process that merges: keys must be equal if words are.
  var points = FingerprintPoints.ofThisProcess
  var longWordLimit = LongWord.limit

  func callAsFunction(_ range: FileRange, yield: Outputs<CountedRange>) throws {
    try count(range) { try yield($0) }
  }

  /// Counts in this process.
  func count(_ range: FileRange, yield: (CountedRange) throws -> Void) throws {
    let reader = RangeReader(range)
    var cutter = PieceCutter(longWordLimit: longWordLimit, points: points)
    var table = WordTable(limits: Self.tableLimits, points: points)
    var bytesGiven = 0
    func give(_ table: inout WordTable, _ failure: ReadFailure? = nil) throws {
      let words = CountedWords(moving: &table)
      try yield(CountedRange(words: words, bytesRead: reader.bytesRead - bytesGiven, failure: failure))
      bytesGiven = reader.bytesRead
    }
    while let piece = cutter.nextPiece(capacity: PieceReader.pieceSize, read: reader.read) {
      try table.addWords(of: piece, longWordLimit: longWordLimit) { try give(&$0) }
      if reader.bytesRead - bytesGiven >= Self.mostBytes { try give(&table) }
    }
    try give(&table, reader.failure)
  }
}
