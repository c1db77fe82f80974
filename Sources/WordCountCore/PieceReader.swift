import Glibc

/// The pieces of a file, read one by one as they are asked for.
///
/// A file that cannot be opened or read is reported to the log and ends there; what was read before
/// counts. So does one that became shorter while it was read.
public struct PieceReader: Sequence, Sendable {
  /// The bytes asked of the system at a time.
  public static let pieceSize = 64 * 1024

  private let file: FoundFile
  private let pieceSize: Int
  private let longWordLimit: Int
  private let log: ReadLog

  public init(_ file: FoundFile, log: ReadLog) {
    self.init(file, pieceSize: Self.pieceSize, longWordLimit: LongWord.limit, log: log)
  }

  /// With sizes that tests choose: pieces of one byte show every cut that there is.
  init(_ file: FoundFile, pieceSize: Int, longWordLimit: Int, log: ReadLog) {
    self.file = file
    self.pieceSize = Swift.max(1, pieceSize)
    self.longWordLimit = longWordLimit
    self.log = log
  }

  public func makeIterator() -> Iterator {
    Iterator(file, pieceSize: pieceSize, cutter: PieceCutter(longWordLimit: longWordLimit), log: log)
  }

  /// A class, so that the file is closed when the iterator goes, at its end or before.
  public final class Iterator: IteratorProtocol {
    private let file: FoundFile
    private let pieceSize: Int
    private var cutter: PieceCutter
    private let log: ReadLog
    private var state = State.unopened

    private enum State {
      case unopened
      case open(descriptor: CInt, sizeAtStart: off_t)
      case ended
    }

    fileprivate init(_ file: FoundFile, pieceSize: Int, cutter: PieceCutter, log: ReadLog) {
      self.file = file
      self.pieceSize = pieceSize
      self.cutter = cutter
      self.log = log
    }

    deinit {
      if case .open(let descriptor, _) = state { close(descriptor) }
    }

    public func next() -> Piece? {
      if case .unopened = state { open() }
      return cutter.nextPiece(capacity: pieceSize, read: read)
    }

    private func open() {
      state = .ended
      do {
        let (descriptor, status) = try file.open()
        state = .open(descriptor: descriptor, sizeAtStart: status.st_size)
      } catch {
        log.didFail(error)
      }
    }

    /// Fills the buffer as far as the system gives bytes; 0 at the end, and after a failure.
    private func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
      guard case .open(let descriptor, let sizeAtStart) = state else { return 0 }
      while true {
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        if count > 0 {
          log.didRead(bytes: count)
          return count
        }
        if count < 0 && errno == EINTR { continue }
        if count < 0 {
          fail(errno)
        } else {
          reportIfShorter(descriptor, than: sizeAtStart)
        }
        close(descriptor)
        state = .ended
        return 0
      }
    }

    /// Compares with the size of now, not with the bytes read: files of /proc and /sys have sizes that
    /// say nothing about what they hold.
    private func reportIfShorter(_ descriptor: CInt, than sizeAtStart: off_t) {
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_size < sizeAtStart else { return }
      log.didFail(ReadFailure(path: file.path, reason: "Became shorter while it was read"))
    }

    private func fail(_ code: CInt) {
      log.didFail(ReadFailure(path: file.path, errorNumber: code))
    }
  }
}
