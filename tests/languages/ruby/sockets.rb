# SPDX-License-Identifier: MIT
# Sockets of AF_UNIX and IO: servers in threads and processes, passed descriptors, datagrams, select, non-blocking, sendfile.
require "io/console"
require "io/wait"
require "socket"

$stdout.sync = true
path = "/tmp/ruby.socket"
server = UNIXServer.new(path)
serving = Thread.new do
  loop do
    Thread.new(server.accept) do |client|
      while (line = client.gets) do client.puts line.chomp.reverse end
      client.close
    end
  end
end
clients = 10.times.map do |n|
  Thread.new do
    UNIXSocket.open(path) { |socket| 10.times.all? { |k| socket.puts "client #{n} #{k}"; socket.gets.chomp == "client #{n} #{k}".reverse } }
  end
end
puts "clients: #{clients.map(&:value).uniq}"
pid = fork { exit!(UNIXSocket.open(path) { |socket| socket.puts "abc"; socket.gets } == "cba\n" ? 0 : 1) }
Process.wait(pid)
puts "of another process: #{$?.exitstatus}"
serving.kill
server.close
begin
  UNIXSocket.open(path)
rescue Errno::ECONNREFUSED
  puts "refused"
end

ours, theirs = UNIXSocket.pair
File.write("/tmp/passed", "in a passed file")
pid = fork do
  ours.close
  file = theirs.recv_io
  theirs.write(file.read)
  exit!
end
theirs.close
File.open("/tmp/passed") { |file| ours.send_io(file) }
puts "passed: #{ours.read}"
Process.wait(pid)

ours, theirs = UNIXSocket.pair(:SEQPACKET)
ours.send("first", 0)
ours.send("second", 0)
puts "packets: #{theirs.recv(100)} #{theirs.recv(100)}"
begin
  theirs.recv_nonblock(10)
rescue IO::WaitReadable => error
  puts "would block: #{error.class}"
end
receiver = Socket.new(:UNIX, :DGRAM)
receiver.bind(Addrinfo.unix("\0ruby-abstract"))
Socket.new(:UNIX, :DGRAM).send("datagram", 0, Addrinfo.unix("\0ruby-abstract"))
puts "abstract: #{receiver.recvfrom(100)[0]} #{receiver.local_address.unix_path == "\0ruby-abstract"}"
puts "credentials: #{UNIXSocket.pair[0].getsockopt(:SOCKET, :PEERCRED).unpack("i*")[0] == Process.pid}"

pipes = 20.times.map { IO.pipe }
puts "select: #{IO.select(pipes.map(&:first), nil, nil, 0).inspect}"
pipes.each_slice(4) { |slice| slice[0][1].write "x" }
ready = IO.select(pipes.map(&:first), pipes.map(&:last), nil, 10)
puts "select: #{ready[0].size} #{ready[1].size}"
reading, writing = IO.pipe
written = 0
begin
  loop { written += writing.write_nonblock("y" * 4096) }
rescue IO::WaitWritable
  puts "full: #{written}"
end
puts "read: #{reading.read_nonblock(written * 2).size} #{reading.wait_readable(0).inspect}"
File.write("/tmp/big", "z" * 1_000_000)
puts "copied: #{IO.copy_stream("/tmp/big", "/tmp/copy")} #{File.size("/tmp/copy")}"
reading, writing = IO.pipe
copying = Thread.new { IO.copy_stream("/tmp/big", writing).tap { writing.close } }
puts "through a pipe: #{reading.read.size} #{copying.value}"
puts "no terminal: #{$stdin.tty?} #{IO.console.inspect.class}"
File.open("/tmp/lock", "w") do |file|
  file.flock(File::LOCK_EX)
  puts "locked: #{File.open("/tmp/lock") { |other| other.flock(File::LOCK_SH | File::LOCK_NB) }.inspect}"
end
