import Glibc

/// A regular file that a walk found.
public struct FoundFile: Sendable, Hashable, Codable {
  public let path: BytePath
  /// Whether this is the very path that the walk was started with: only that one may be a link.
  public let isRoot: Bool

  public init(path: BytePath, isRoot: Bool = false) {
    self.path = path
    self.isRoot = isRoot
  }
}

extension FoundFile {
  /// Opens the file for reading; gives what the system knows of it, too.
  ///
  /// - Throws: ``ReadFailure``.
  func open() throws(ReadFailure) -> (descriptor: CInt, status: stat) {
    // Between the walk and now the name may have come to mean something else: a link is refused,
    // and opening a pipe does not wait.
    let flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (isRoot ? 0 : O_NOFOLLOW)
    let descriptor = path.withCString { Glibc.open($0, flags) }
    guard descriptor >= 0 else { throw ReadFailure(path: path, errorNumber: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let failure = ReadFailure(path: path, errorNumber: errno)
      close(descriptor)
      throw failure
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw ReadFailure(path: path, reason: "No longer a regular file")
    }
    return (descriptor, status)
  }
}

/// The regular files under a folder, found one by one as they are asked for.
///
/// The set is that of `find -H ROOT -type f`: every regular file at any depth, hidden ones too, in
/// every file system mounted below. Symbolic links are not followed, except the root itself; devices,
/// sockets and pipes are left out. A file with several hard links is met once for each of its names.
/// A root that is a regular file is the one element. The order is that of the file system: the files
/// of a folder in the order of its listing, then its subfolders. What is added or removed during the
/// walk may or may not be met.
///
/// Folders that cannot be read are reported to the log and passed over.
///
/// Memory and descriptors do not grow with the number of files: only the names of subfolders still to
/// be visited are kept, and a folder is closed before its subfolders are opened. Where a folder has so
/// many subfolders that their names pass ``pendingNamesLimit``, it stays open and its listing goes on
/// after these have been visited.
public struct FolderWalk: Sequence, Sendable {
  /// The names of unvisited subfolders, in bytes, that are held for one folder.
  static let pendingNamesLimit = 256 * 1024

  private let root: BytePath
  private let log: ReadLog
  private let pendingNamesLimit: Int

  public init(_ root: BytePath, log: ReadLog) {
    self.init(root, log: log, pendingNamesLimit: Self.pendingNamesLimit)
  }

  init(_ root: BytePath, log: ReadLog, pendingNamesLimit: Int) {
    self.root = root
    self.log = log
    self.pendingNamesLimit = pendingNamesLimit
  }

  public func makeIterator() -> Iterator {
    Iterator(root: root, log: log, pendingNamesLimit: pendingNamesLimit)
  }

  public final class Iterator: IteratorProtocol {
    /// One folder between the root and the present place.
    private struct Level {
      let path: BytePath
      /// The open listing; nil once it was read to its end.
      var listing: OpaquePointer?
      /// Names of subfolders to be visited, each closed by a NUL.
      var pending: [UInt8] = []
      /// Whether pending subfolders come before more of the listing.
      var isDescending = false
    }

    private var root: BytePath?
    private let log: ReadLog
    private let pendingNamesLimit: Int
    private var levels: [Level] = []

    fileprivate init(root: BytePath, log: ReadLog, pendingNamesLimit: Int) {
      self.root = root
      self.log = log
      self.pendingNamesLimit = pendingNamesLimit
    }

    deinit {
      for level in levels {
        if let listing = level.listing { closedir(listing) }
      }
    }

    public func next() -> FoundFile? {
      if let root {
        self.root = nil
        if let file = start(at: root) { return file }
      }
      while !levels.isEmpty {
        let last = levels.count - 1
        if levels[last].isDescending {
          descend(fromLevel: last)
        } else if let file = readOn(inLevel: last) {
          return file
        }
      }
      return nil
    }

    /// Opens the root; returns it where it is a file.
    private func start(at root: BytePath) -> FoundFile? {
      var status = stat()
      guard root.withCString({ stat($0, &status) }) == 0 else {
        log.didFail(ReadFailure(path: root, errorNumber: errno))
        return nil
      }
      switch status.st_mode & S_IFMT {
      case S_IFREG: return FoundFile(path: root, isRoot: true)
      case S_IFDIR: open(root, flags: 0)
      default: log.didFail(ReadFailure(path: root, reason: "Not a regular file or a folder"))
      }
      return nil
    }

    /// Opens a folder and makes it the last level; one that cannot be opened is reported.
    private func open(_ path: BytePath, flags: CInt) {
      let descriptor = path.withCString {
        Glibc.open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | flags)
      }
      guard descriptor >= 0 else {
        log.didFail(ReadFailure(path: path, errorNumber: errno))
        return
      }
      guard let listing = fdopendir(descriptor) else {
        log.didFail(ReadFailure(path: path, errorNumber: errno))
        close(descriptor)
        return
      }
      levels.append(Level(path: path, listing: listing))
    }

    /// Visits one pending subfolder, or goes on with the listing, or leaves the level.
    private func descend(fromLevel last: Int) {
      if let name = Self.popName(from: &levels[last].pending) {
        open(levels[last].path.appending(name), flags: O_NOFOLLOW)
      } else if levels[last].listing != nil {
        levels[last].isDescending = false
      } else {
        levels.removeLast()
      }
    }

    /// Reads one entry of the listing; returns it where it is a regular file.
    private func readOn(inLevel last: Int) -> FoundFile? {
      guard let listing = levels[last].listing else { return nil }
      errno = 0
      guard let entry = readdir(listing) else {
        if errno != 0 { log.didFail(ReadFailure(path: levels[last].path, errorNumber: errno)) }
        closedir(listing)
        levels[last].listing = nil
        levels[last].isDescending = true
        return nil
      }
      let name = Self.name(of: entry)
      switch Self.kind(of: entry, name: name, in: listing) {
      case .file:
        return FoundFile(path: levels[last].path.appending(name))
      case .folder:
        levels[last].pending += name
        levels[last].pending.append(0)
        levels[last].isDescending = levels[last].pending.count >= pendingNamesLimit
      case .other:
        break
      }
      return nil
    }

    private enum Kind { case file, folder, other }

    private static func kind(
      of entry: UnsafeMutablePointer<dirent>, name: UnsafeBufferPointer<UInt8>, in listing: OpaquePointer
    ) -> Kind {
      if name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) { return .other }
      switch Int(entry.pointee.d_type) {
      case Int(DT_REG): return .file
      case Int(DT_DIR): return .folder
      case Int(DT_UNKNOWN): break
      default: return .other
      }
      // Some file systems do not tell the type in the listing. What cannot be looked at is taken for
      // a file, so that opening it reports why.
      var status = stat()
      let found = name.withMemoryRebound(to: CChar.self) { name in
        guard let name = name.baseAddress else { return false }
        return fstatat(dirfd(listing), name, &status, AT_SYMLINK_NOFOLLOW) == 0
      }
      guard found else { return .file }
      switch status.st_mode & S_IFMT {
      case S_IFREG: return .file
      case S_IFDIR: return .folder
      default: return .other
      }
    }

    /// The bytes of an entry's name; a NUL follows them.
    private static func name(of entry: UnsafeMutablePointer<dirent>) -> UnsafeBufferPointer<UInt8> {
      let start = UnsafeRawPointer(entry).advanced(by: nameOffset)
      let length = strlen(start.assumingMemoryBound(to: CChar.self))
      return UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: length)
    }

    /// Where the name stands in a `dirent`. The record is shorter than Swift's type for it, so it
    /// is read in place and never copied.
    private static let nameOffset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 19

    private static func popName(from names: inout [UInt8]) -> [UInt8]? {
      guard names.popLast() != nil else { return nil }
      let start = names.lastIndex(of: 0).map { $0 + 1 } ?? 0
      let name = Array(names[start...])
      names.removeSubrange(start...)
      return name
    }
  }
}
