# SPDX-License-Identifier: MIT
# Threads: mutexes, queues, condition variables, timeouts, exceptions between threads, ractors in parallel.
require "digest"
require "io/wait"
require "monitor"
require "timeout"

total, mutex = 0, Mutex.new
8.times.map { Thread.new { 2000.times { mutex.synchronize { total += 1 } } } }.each(&:join)
puts "locked: #{total}"

queue, results = SizedQueue.new(5), Queue.new
workers = 3.times.map { Thread.new { while (n = queue.pop) do results << n * n end } }
500.times { |n| queue << n }
queue.close
workers.each(&:join)
puts "queue: #{results.size} #{results.size.times.sum { results.pop }}"

turns, lock, changed = [], Mutex.new, ConditionVariable.new
2.times.map do |me|
  Thread.new do
    100.times do
      lock.synchronize do
        changed.wait(lock) until turns.size % 2 == me
        turns << me
        changed.broadcast
      end
    end
  end
end.each(&:join)
puts "turns: #{turns == [0, 1] * 100}"

begin
  Timeout.timeout(0.1) { sleep }
rescue Timeout::Error
  puts "timeout"
end
begin
  Timeout.timeout(0.1) { loop {} }
rescue Timeout::Error
  puts "timeout of a busy loop"
end

thread = Thread.new { Thread.current.report_on_exception = false; raise ArgumentError, "inside" }
begin
  thread.join
rescue ArgumentError => error
  puts "exception: #{error.message}"
end
sleeper = Thread.new { begin; sleep; rescue RuntimeError => error; "raised #{error.message}"; end }
Thread.pass until sleeper.status == "sleep"
sleeper.raise("from outside")
puts sleeper.value
victim = Thread.new { begin; sleep; ensure; results << "ensured"; end }
Thread.pass until victim.status == "sleep"
victim.kill.join
puts "killed: #{results.pop} #{victim.alive?}"

busy = 4.times.map { Thread.new { (1..30_000).reduce(:+) } }
puts "busy: #{busy.map(&:value).uniq}"
reading, writing = IO.pipe
blocked = Thread.new { reading.gets }
Thread.pass until blocked.status == "sleep"
writing.puts "through a pipe"
puts "blocked: #{blocked.value}"
puts "timed: #{reading.wait_readable(0.05).inspect} #{Queue.new.pop(true) rescue "empty"}"

crowd, gate = Queue.new, Queue.new
threads = 100.times.map { Thread.new { crowd << 1; gate.pop } }
100.times { crowd.pop }
puts "at a time: #{Thread.list.size - 1}"
gate.close
threads.each(&:join)
puts "afterwards: #{Thread.list.size}"

Warning[:experimental] = false
ractors = 3.times.map { |n| Ractor.new(n) { |k| (1..20_000).sum { |x| x * k } } }
puts "ractors: #{ractors.map(&:take)}"
pipe = Ractor.new { loop { Ractor.yield Ractor.receive.upcase } }
%w[one two].each { |word| pipe.send(word); puts "ractor: #{pipe.take}" }
fibers = Fiber.new { |x| loop { x = Fiber.yield(x * 2) } }
puts "fiber: #{[1, 2, 3].map { |x| fibers.resume(x) }}"
puts "many fibers: #{1000.times.map { |n| Fiber.new { Fiber.yield n; n } }.sum { |f| f.resume }}"
