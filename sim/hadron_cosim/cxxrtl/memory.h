// The AXI4 slave memory behind m_axi: an image that the caller owns, and two timing models.
//
// What the slave drives in a cycle depends only on what it saw in earlier cycles. In order of
// arrival, one beat a cycle a direction at most:
//   fast   a read's first beat comes `latency` cycles after its address; bursts overlap. A write's
//          response comes `latency` cycles after its last beat.
//   sdram  one data bus of `bytes_per_cycle` shared by reads and writes; bursts are served one at
//          a time, oldest first, and pay for opening rows and for refresh. See Sdram.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "checks.h"
#include "options.h"
#include "stalls.h"

namespace hadron {

// When the bytes of a burst move on the data bus of an SDR SDRAM with one open row a bank.
class Sdram {
  public:
    void configure(const Options &options) {
        options_ = options;
        open_.assign(options.banks, NO_ADDRESS);
        free_ = 0;
        refresh_ = options.refresh_interval;
    }
    bool idle(uint64_t now) const { return now >= free_; }
    // Serve a burst; append to `times` when each beat is complete on the SDRAM's pins.
    void serve(uint64_t now, uint64_t address, uint64_t beats, uint64_t beat_bytes,
               std::vector<uint64_t> &times) {
        uint64_t time = now;
        if (options_.refresh_interval && time >= refresh_) {
            time += options_.row_precharge + options_.refresh_cycles;
            open_.assign(options_.banks, NO_ADDRESS);
            while (refresh_ <= time) refresh_ += options_.refresh_interval;
        }
        for (uint64_t beat = 0; beat < beats; beat++, address += beat_bytes) {
            uint64_t row = address / options_.row_bytes;
            uint64_t &open = open_[row % options_.banks];
            if (open != row) {
                time += options_.row_activate + (open != NO_ADDRESS ? options_.row_precharge : 0);
                open = row;
            }
            time += (beat_bytes + options_.bytes_per_cycle - 1) / options_.bytes_per_cycle;
            times.push_back(time);
        }
        free_ = time;
    }

  private:
    Options options_;
    std::vector<uint64_t> open_;
    uint64_t free_ = 0, refresh_ = 0;
};

// What the slave drives in one cycle.
template <size_t BYTES>
struct Drive {
    bool ar_ready = false, aw_ready = false, w_ready = false;
    bool r_valid = false, r_last = false, b_valid = false;
    uint64_t r_response = 0, b_response = 0, r_id = 0, b_id = 0;
    uint8_t r_data[BYTES] = {};
};

template <size_t BYTES>
class Memory {
  public:
    void attach(uint8_t *bytes, uint64_t size) {
        bytes_ = bytes;
        size_ = size;
    }
    void configure(const Options &options) {
        options_ = options;
        sdram_.configure(options);
        for (int i = 0; i < CHANNELS; i++)
            stalls_[i].configure(options.stall[i], options.stall_longest, options.seed + i);
        reset();
    }
    void reset() {
        reads_.clear();
        writes_.clear();
        drive_ = {};
        read_beats = write_beats = decode_errors = 0;
    }
    bool quiet() const { return reads_.empty() && writes_.empty(); }
    size_t reads_outstanding() const { return reads_.size(); }
    size_t writes_outstanding() const { return writes_.size(); }

    // Decide what to drive in cycle `now`.
    const Drive<BYTES> &drive(uint64_t now) {
        if (options_.sdram) schedule(now);
        bool stalled[CHANNELS];
        for (int i = 0; i < CHANNELS; i++) stalled[i] = stalls_[i].next();
        drive_.ar_ready = reads_.size() < options_.outstanding && !stalled[AR];
        drive_.aw_ready = writes_.size() < options_.outstanding && !stalled[AW];
        drive_.w_ready = receiving() != nullptr && !stalled[W];
        if (!drive_.r_valid && !stalled[R] && !reads_.empty() && reads_.front().available(now)) {
            const Read &read = reads_.front();
            uint64_t address = (read.burst.address / BYTES + read.next) * BYTES;
            drive_.r_valid = true;
            drive_.r_last = read.next == read.burst.length;
            drive_.r_id = read.burst.id;
            drive_.r_response = respond(address, options_.read_error);
            if (drive_.r_response == DECERR) std::memset(drive_.r_data, 0xDE, BYTES);
            else std::memcpy(drive_.r_data, bytes_ + address, BYTES);
        }
        if (!drive_.b_valid && !stalled[B] && !writes_.empty() && writes_.front().complete
            && now >= writes_.front().answer_at) {
            drive_.b_valid = true;
            drive_.b_id = writes_.front().burst.id;
            drive_.b_response = commit(writes_.front());
        }
        return drive_;
    }

    // Take what the master did in cycle `now`.
    void sample(uint64_t now, Violations &violations, bool ar_valid, const Burst &ar, bool r_ready,
                bool aw_valid, const Burst &aw, bool w_valid, const uint8_t *w_data,
                uint64_t w_strobe, bool w_last, bool b_ready) {
        if (drive_.r_valid && r_ready) {
            drive_.r_valid = false;
            read_beats++;
            if (reads_.front().next++ == reads_.front().burst.length) reads_.pop_front();
        }
        if (drive_.b_valid && b_ready) {
            drive_.b_valid = false;
            writes_.pop_front();
        }
        if (w_valid && drive_.w_ready) {
            Write &write = *receiving();
            write.data.insert(write.data.end(), w_data, w_data + BYTES);
            write.strobes.push_back(w_strobe);
            write_beats++;
            bool last = write.strobes.size() == write.burst.length + 1;
            if (last != w_last)
                violations.add(now, "WLAST is %d on beat %d of %d", w_last,
                               int(write.strobes.size()), int(write.burst.length + 1));
            if (last) {
                write.complete = true;
                write.arrived = now + 1;
                write.answer_at = options_.sdram ? NO_ADDRESS : now + options_.latency;
            }
        }
        if (ar_valid && drive_.ar_ready) {
            check_burst(violations, now, "AR", ar, BYTES);
            reads_.push_back({ar, now + 1, 0, {},
                              options_.sdram ? NO_ADDRESS : now + options_.latency});
        }
        if (aw_valid && drive_.aw_ready) {
            check_burst(violations, now, "AW", aw, BYTES);
            writes_.emplace_back();
            writes_.back().burst = aw;
        }
    }

    uint64_t read_beats = 0, write_beats = 0, decode_errors = 0;

  private:
    static constexpr uint64_t SLVERR = 2, DECERR = 3;

    struct Read {
        Burst burst;
        uint64_t arrived;
        uint64_t next;
        std::vector<uint64_t> times;  // sdram: when each beat may be driven
        uint64_t available_at;        // fast: when the first may
        bool available(uint64_t now) const {
            return times.empty() ? now >= available_at : now >= times[next];
        }
    };
    struct Write {
        Burst burst;
        std::vector<uint8_t> data;
        std::vector<uint64_t> strobes;
        bool complete = false, scheduled = false;
        uint64_t arrived = 0, answer_at = NO_ADDRESS;
    };

    Write *receiving() {
        for (Write &write : writes_)
            if (!write.complete) return &write;
        return nullptr;
    }

    uint64_t respond(uint64_t address, uint64_t error) {
        if (address + BYTES > size_) return decode_errors++, DECERR;
        return error / BYTES == address / BYTES ? SLVERR : 0;
    }

    // A write reaches the memory only with its response: who does not wait for it reads old bytes.
    uint64_t commit(const Write &write) {
        uint64_t response = 0;
        for (size_t beat = 0; beat < write.strobes.size(); beat++) {
            uint64_t address = (write.burst.address / BYTES + beat) * BYTES;
            uint64_t answer = write.strobes[beat] ? respond(address, options_.write_error) : 0;
            if (answer > response) response = answer;
            if (answer) continue;
            for (size_t i = 0; i < BYTES; i++)
                if (write.strobes[beat] >> i & 1) bytes_[address + i] = write.data[beat * BYTES + i];
        }
        return response;
    }

    void schedule(uint64_t now) {
        if (!sdram_.idle(now)) return;
        Read *read = nullptr;
        Write *write = nullptr;
        for (Read &candidate : reads_)
            if (candidate.times.empty()) {
                read = &candidate;
                break;
            }
        for (Write &candidate : writes_)
            if (!candidate.scheduled) {
                if (candidate.complete) write = &candidate;
                break;
            }
        if (read && write && write->arrived < read->arrived) read = nullptr;
        if (read) {
            sdram_.serve(now, read->burst.address / BYTES * BYTES, read->burst.length + 1, BYTES,
                         read->times);
            for (uint64_t &time : read->times) time += options_.cas;
        } else if (write) {
            std::vector<uint64_t> times;
            sdram_.serve(now, write->burst.address / BYTES * BYTES, write->burst.length + 1, BYTES,
                         times);
            write->scheduled = true;
            write->answer_at = times.back();
        }
    }

    uint8_t *bytes_ = nullptr;
    uint64_t size_ = 0;
    Options options_;
    Stalls stalls_[CHANNELS];
    Sdram sdram_;
    std::deque<Read> reads_;
    std::deque<Write> writes_;
    Drive<BYTES> drive_;
};

}  // namespace hadron
