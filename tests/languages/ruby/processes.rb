# SPDX-License-Identifier: MIT
# Processes: fork, Process.spawn with its redirections, popen, open3, signals, wait in every form, daemons' habits.
require "etc"
require "open3"

$stdout.sync = true
codes = 10.times.map { |n| fork { exit! n } }.map { |pid| Process.wait2(pid)[1].exitstatus }
puts "forks: #{codes}"
reading, writing = IO.pipe
pid = fork do
  reading.close
  writing.puts "child of #{Process.ppid}"
  exit 3
end
writing.close
puts "fork: #{reading.read.chomp == "child of #{Process.pid}"} #{Process.wait2(pid)[1].exitstatus}"

pid = Process.spawn({ "COLOUR" => "blue" }, "echo $COLOUR; pwd; umask; ulimit -n; echo err >&2",
                    chdir: "/usr", umask: 0o27, out: "/tmp/out", err: [:child, :out], pgroup: true, rlimit_nofile: 77)
puts "group: #{Process.getpgid(pid) == pid}"
Process.wait(pid)
puts "spawn: #{File.read("/tmp/out").split} #{$?.success?}"
begin
  Process.spawn("/no/such")
rescue Errno::ENOENT => error
  puts "not found: #{error.message}"
end
puts "system: #{system("exit 5").inspect} #{$?.exitstatus} #{system("/no/such").inspect}"
puts "backticks: #{`echo hello`.chomp}"
IO.popen(["sort", "-rn"], "r+") do |sort|
  sort.puts [3, 20, 100]
  sort.close_write
  puts "popen: #{sort.read.split}"
end
out, err, status = Open3.capture3("cat; echo done >&2; exit 6", stdin_data: "x" * 300_000)
puts "open3: #{out.size} #{err.chomp} #{status.exitstatus}"
puts "pipeline: #{Open3.pipeline_r("seq 1 5000", "grep 9", "wc -l") { |last, _| last.read.strip }}"
IO.popen("-") { |child| child ? puts("forked popen: #{child.read}") : print("from the child") }

got = []
trap("USR1") { got << "USR1" }
trap("CLD") { got << "CLD" }
Process.kill("USR1", Process.pid)
sleep 0.01 until got.include?("USR1")
Process.wait(fork { exit! })
sleep 0.01 until got.include?("CLD")
trap("CLD", "DEFAULT")
puts "signals: #{got}"
pid = spawn("sleep 1000")
Process.kill(:STOP, pid)
_, status = Process.wait2(pid, Process::WUNTRACED)
puts "stopped: #{status.stopped?} #{status.stopsig}"
Process.kill(:CONT, pid)
Process.kill(:TERM, pid)
_, status = Process.wait2(pid)
puts "terminated: #{status.signaled?} #{status.termsig}"
puts "not yet: #{Process.wait(pid = spawn("sleep 1000"), Process::WNOHANG).inspect}"
Process.kill(:KILL, pid)
puts "detached: #{Process.detach(pid).value.termsig}"
begin
  Process.wait
rescue Errno::ECHILD
  puts "no children"
end
begin
  Process.kill(0, pid)
rescue Errno::ESRCH
  puts "gone"
end
threads = 4.times.map { |n| Thread.new { 3.times.map { system("exit #{n}"); $?.exitstatus } } }
puts "from threads: #{threads.map(&:value)}"

pid = fork do
  Process.setsid
  exit! Process.getsid == Process.pid ? 0 : 1
end
Process.wait(pid)
puts "session: #{$?.exitstatus}"
pid = fork do
  Process::Sys.setgid(65534)
  Process::Sys.setuid(65534)
  begin
    File.read("/etc/shadow")
  rescue Errno::EACCES
    exit! Process.uid == 65534 ? 7 : 8
  end
end
Process.wait(pid)
puts "another user: #{$?.exitstatus}"
puts "limits: #{Process.getrlimit(:CORE).all?(Integer)} #{Etc.nprocessors >= 1} #{Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) > 0}"
at_exit { puts "at exit" }
abort_pid = fork { at_exit { exit! 9 }; raise SystemExit }
Process.wait(abort_pid)
puts "exit handlers: #{$?.exitstatus}"
