/// Words and counts on disk, in the order of their keys, each key once.
struct SpillRun: Sendable {
  /// The bytes that one reader or writer keeps in memory.
  static let bufferSize = 64 * 1024

  fileprivate let file: SpillFile

  /// The number of words in it.
  let wordCount: Int

  /// A run of what `fill` appends, which must come in order.
  ///
  /// - Throws: ``SpillError`` when the disk is full, and what `fill` throws.
  init(in folder: BytePath, fill: (inout Writer) throws -> Void) throws {
    var writer = try Writer(folder)
    try fill(&writer)
    try writer.flush()
    file = writer.file
    wordCount = writer.wordCount
  }

  struct Writer: ~Copyable {
    fileprivate let file: SpillFile
    fileprivate(set) var wordCount = 0
    private var buffer: [UInt8] = []

    fileprivate init(_ folder: BytePath) throws {
      file = try SpillFile(in: folder)
      buffer.reserveCapacity(SpillRun.bufferSize + WordRecord.maximumLength)
    }

    /// - Throws: ``SpillError`` when the disk is full.
    mutating func append(key: UnsafeBufferPointer<UInt8>, count: UInt64) throws {
      WordRecord.append(key: key, count: count, to: &buffer)
      wordCount += 1
      if buffer.count >= SpillRun.bufferSize { try flush() }
    }

    fileprivate mutating func flush() throws {
      try buffer.withUnsafeBytes { try file.append($0) }
      buffer.removeAll(keepingCapacity: true)
    }
  }
}

extension SpillRun {
  /// Reads the words of a run in their order.
  final class Reader {
    private let file: SpillFile
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    /// Where in the file the next bytes are to be read.
    private var offset = 0
    /// What was read and has not been parsed.
    private var rest = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

    /// The present word, valid until the next call of ``advance()``; nil before the first and at the end.
    private(set) var record: WordRecord?
    /// The first bytes of its key, as a number that orders as they do.
    private(set) var leading: UInt64 = 0

    init(_ run: SpillRun) {
      file = run.file
      buffer = .allocate(capacity: SpillRun.bufferSize)
    }

    deinit {
      buffer.deallocate()
    }

    /// Goes on to the next word.
    ///
    /// - Throws: ``SpillError`` when the file cannot be read.
    func advance() throws {
      record = WordRecord.parse(&rest)
      if record == nil, try refill() { record = WordRecord.parse(&rest) }
      if let record { leading = leadingBytes(of: record.key) }
    }

    /// Moves the unparsed rest, less than one record, to the start of the buffer and reads behind it.
    private func refill() throws -> Bool {
      let kept = rest.count
      if let start = rest.baseAddress, kept > 0 { buffer.baseAddress?.update(from: start, count: kept) }
      let space = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[kept...]))
      let count = try file.read(at: offset, into: space)
      offset += count
      rest = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[..<(kept + count)])
      return count > 0
    }
  }
}
