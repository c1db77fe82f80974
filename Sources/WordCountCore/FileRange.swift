import Glibc

/// A part of a file, of which its own words are counted: what a counting process is given.
///
/// Ranges may cut words in two. So a range stands for the bytes from the first one that is no letter at
/// `start` − 1 or later (those from 0 for a range that begins there) to before the first such one for its `end`: a
/// word belongs where its first letter is, and each byte to one range.
struct FileRange: Sendable, Codable, Hashable {
  let file: FoundFile
  let start: Int
  /// Nil: the end of the file, wherever that is by then. What the system calls the size says nothing for
  /// files of /proc and /sys.
  let end: Int?
  /// Of the file, when it was divided.
  let fileSize: Int
}

extension FileRange: CustomStringConvertible {
  var description: String { "\(file.path), bytes \(start) to \(end.map { "\($0)" } ?? "the end")" }
}

/// The ranges of a file, one by one as they are asked for.
///
/// A file that cannot be opened is reported to the log and has none.
struct FileRanges: Sequence {
  /// Enough that opening the file for each does not count, and little enough that several processes share a file.
  static let rangeSize = 1 << 20

  private let file: FoundFile
  private let rangeSize: Int
  private let log: ReadLog

  init(_ file: FoundFile, rangeSize: Int = Self.rangeSize, log: ReadLog) {
    self.file = file
    self.rangeSize = Swift.max(1, rangeSize)
    self.log = log
  }

  func makeIterator() -> Iterator { Iterator(file, rangeSize: rangeSize, log: log) }

  struct Iterator: IteratorProtocol {
    private let file: FoundFile
    private let rangeSize: Int
    private var start = 0
    /// Nil: nothing more.
    private var size: Int?

    fileprivate init(_ file: FoundFile, rangeSize: Int, log: ReadLog) {
      self.file = file
      self.rangeSize = rangeSize
      do {
        // Opened here, too: else each of a large file's ranges would report that it cannot be.
        let (descriptor, status) = try file.open()
        close(descriptor)
        size = status.st_size
      } catch {
        log.didFail(error)
      }
    }

    mutating func next() -> FileRange? {
      guard let size else { return nil }
      let isLast = size - start <= rangeSize
      let range = FileRange(file: file, start: start, end: isLast ? nil : start + rangeSize, fileSize: size)
      start += rangeSize
      if isLast { self.size = nil }
      return range
    }
  }
}

/// Reads the bytes that a range stands for.
final class RangeReader {
  /// Bytes asked of the system at a time behind the end of a range, where a word goes on: few, since words
  /// are short.
  private static let tailSize = 256

  private let range: FileRange
  private var state = State.unopened
  /// In the file, of the next byte.
  private var position = 0
  /// Whether all bytes until now were letters of a word that an earlier range has.
  private var isSkipping = false
  /// Bytes given so far.
  private(set) var bytesRead = 0
  /// Why it could not be read, or not to its end.
  private(set) var failure: ReadFailure?

  private enum State {
    case unopened
    case open(CInt)
    case ended
  }

  init(_ range: FileRange) { self.range = range }

  deinit {
    if case .open(let descriptor) = state { close(descriptor) }
  }

  /// Fills the buffer, from its start, as far as the system gives bytes; 0 at the end, and after a failure.
  func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
    if case .unopened = state { open() }
    while case .open(let descriptor) = state {
      let isTail = position >= lastOwn
      if isTail, isSkipping { break }  // the whole range is inside one word
      let wanted = isTail ? Self.tailSize : lastOwn - position
      let count = Glibc.read(descriptor, buffer.baseAddress, min(wanted, buffer.count))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        if count < 0 { fail(errno) } else { reportIfShorter(descriptor) }
        break
      }
      position += count
      let given = isTail ? lettersAtStart(of: buffer, count) : withoutSkipped(buffer, count)
      bytesRead += given
      if isTail, given < count { end() }
      if given > 0 { return given }
    }
    end()
    return 0
  }

  /// Where the range's last own byte is: what follows may be the rest of a word.
  private var lastOwn: Int { range.end.map { $0 - 1 } ?? .max }

  private func open() {
    state = .ended
    do {
      let (descriptor, _) = try range.file.open()
      state = .open(descriptor)
      guard range.start > 0 else { return }
      position = range.start - 1
      isSkipping = true
      if lseek(descriptor, off_t(position), SEEK_SET) < 0 { fail(errno) }
    } catch {
      failure = error
    }
  }

  private func end() {
    if case .open(let descriptor) = state { close(descriptor) }
    state = .ended
  }

  private func lettersAtStart(of buffer: UnsafeMutableBufferPointer<UInt8>, _ count: Int) -> Int {
    buffer[..<count].firstIndex { !$0.isLetter } ?? count
  }

  /// Takes the letters away that are an earlier range's, and gives the number of bytes left.
  private func withoutSkipped(_ buffer: UnsafeMutableBufferPointer<UInt8>, _ count: Int) -> Int {
    guard isSkipping else { return count }
    let skipped = lettersAtStart(of: buffer, count)
    guard skipped < count, let start = buffer.baseAddress else { return 0 }
    isSkipping = false
    memmove(start, start + skipped, count - skipped)
    return count - skipped
  }

  /// Only where the file now ends in this range: the ones behind it find nothing, too.
  private func reportIfShorter(_ descriptor: CInt) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size < range.fileSize, status.st_size >= range.start
    else { return }
    failure = ReadFailure(path: range.file.path, reason: "Became shorter while it was read")
  }

  private func fail(_ code: CInt) {
    failure = ReadFailure(path: range.file.path, errorNumber: code)
    end()
  }
}
