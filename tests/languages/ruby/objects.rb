# SPDX-License-Identifier: MIT
# The interpreter at work: garbage collection with compaction, fork after it, Marshal, big integers, strings, deep recursion.
require "digest"
require "json"
require "openssl"
require "securerandom"
require "set"
require "tempfile"
require "zlib"

before = GC.count
list = 200_000.times.map { |n| n.to_s * 3 }
list.map!(&:upcase)
puts "collected: #{GC.count > before} #{list.sum(&:size)}"
GC.compact if GC.respond_to?(:compact)
puts "compacted: #{list[12_345]}"
reading, writing = IO.pipe
pid = fork { list.map!(&:reverse); GC.start; writing.write list.last; exit! }
Process.wait(pid)
writing.close
puts "copied on write: #{reading.read} #{list.last}"
def down(n) = n.zero? ? 0 : 1 + down(n - 1)
puts "deep: #{down(8000)}"
begin
  def forever = forever() + 1
  forever
rescue SystemStackError
  puts "stack overflow is an exception"
end
puts "big: #{(1..60).reduce(:*)} #{3.pow(1000, 1_000_007)}"
data = { "list" => (1..1000).to_a, "text" => "ü" * 1000, "nested" => { "a" => [nil, true, 1.5] } }
puts "marshal: #{Marshal.load(Marshal.dump(data)) == data} json: #{JSON.parse(JSON.generate(data)) == data}"
puts "zlib: #{Zlib::Inflate.inflate(Zlib::Deflate.deflate("slipway" * 50_000)).size} #{Zlib.crc32("slipway")}"
puts "digest: #{Digest::SHA256.hexdigest("slipway" * 10_000)[0, 16]} #{OpenSSL::HMAC.hexdigest("SHA1", "key", "data")[0, 16]}"
cipher = OpenSSL::Cipher.new("aes-256-gcm").encrypt
cipher.key, cipher.iv = "k" * 32, "i" * 12
puts "cipher: #{(cipher.update("secret") + cipher.final).unpack1("H*")}"
puts "random: #{SecureRandom.hex(8).size} #{Random.new(42).rand(1000)}"
Tempfile.create("slipway") { |file| file.write("temporary"); file.flush; puts "temporary: #{File.stat(file.path).size} #{"%o" % File.stat(file.path).mode}" }
Dir.mkdir("/tmp/dir")
3.times { |n| File.write("/tmp/dir/#{n}", n) }
puts "glob: #{Dir.glob("/tmp/dir/*").sort.map { |name| File.basename(name) }}"
words = 50_000.times.map { |n| "w#{n * 7919 % 10_007}" }
puts "tally: #{words.tally.size} #{words.to_set.size} #{words.tally.values.minmax}"
puts "time: #{Time.at(0).utc.strftime("%F %T")} #{Time.utc(2024, 2, 29).yday}"
puts "eval: #{eval("[*1..4].each_slice(2).to_a")} #{"%.10f" % Math::PI} #{Rational(3, 4) + 1}"
