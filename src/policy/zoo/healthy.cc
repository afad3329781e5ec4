// What grows and falls, and never fails.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "policy/zoo/zoo.h"

namespace nines::policy::zoo {
namespace {

using Random = std::shared_ptr<Dice>;

double wave(double time, double phase) {
  return std::sin(2 * std::numbers::pi * (time + phase) / kDay);
}

/// Saturday and Sunday, if the week began at phase 0.
bool weekend(double time, double phase) {
  return std::fmod(time + phase, kWeek) > 5 * kDay;
}

Animal flat(Random dice) {
  const double level = dice->uniform(0.1, 0.95);
  return {[=](double) { return level; }};
}

Animal noisy(Random dice) {
  const double level = dice->uniform(0.2, 0.8);
  const double noise = dice->uniform(0.005, 0.04);
  return {[=](double) { return level + dice->normal(noise); }};
}

Animal warm_up(Random dice) {
  const double start = dice->uniform(0.02, 0.2);
  const double end = dice->uniform(0.4, 0.9);
  const double constant = dice->log_uniform(5, 12 * kHour);
  const double noise = dice->uniform(0.001, 0.01);
  return {[=](double t) {
    return end - (end - start) * std::exp(-t / constant) + dice->normal(noise);
  }};
}

/// Collected when full, or now and then: a period of `spread` around its mean.
Animal sawtooth(Random dice) {
  const double period = dice->log_uniform(5, 12 * kHour);
  const double base = dice->uniform(0.2, 0.45);
  const double height = dice->uniform(0.05, 0.4);
  const double noise = dice->uniform(0.001, 0.01);
  const double spread = dice->uniform(0, 0.2);
  double begin = 0;
  double length = period;
  return {[=](double t) mutable {
    while (t - begin >= length) {
      begin += length;
      length = period * dice->uniform(1 - spread, 1 + spread);
    }
    return base + height * (t - begin) / period + dice->normal(noise);
  }};
}

Animal daily(Random dice) {
  const double level = dice->uniform(0.4, 0.6);
  const double height = dice->uniform(0.05, 0.25);
  const double phase = dice->uniform(0, kWeek);
  const double noise = dice->uniform(0.002, 0.02);
  return {[=](double t) {
    const double week = weekend(t, phase) ? 0.4 : 1.0;
    return level + height * week * wave(t, phase) + dice->normal(noise);
  }};
}

/// Bursts of heavy-tailed height that drain again.
Animal bursty(Random dice) {
  const double level = dice->uniform(0.2, 0.5);
  const double every = dice->log_uniform(kMinute, 6 * kHour);
  const double drain = dice->log_uniform(5, 20 * kMinute);
  const double height = dice->uniform(0.02, 0.1);
  double next = dice->exponential(every);
  double last = 0;
  double burst = 0;
  return {[=](double t) mutable {
    burst *= std::exp(-(t - last) / drain);
    last = t;
    while (t >= next) {
      burst = std::min(0.95 - level, burst + height * dice->pareto(1.5));
      next += dice->exponential(every);
    }
    return level + burst + dice->normal(0.003);
  }};
}

/// Fragmentation, quick at first and slower and slower, until there is a hole for everything.
Animal fragmenting(Random dice) {
  const double start = dice->uniform(0.1, 0.3);
  const double rise = dice->uniform(0.2, 0.55);
  const double constant = dice->log_uniform(kHour, 2 * kDay);
  const double noise = dice->uniform(0.001, 0.01);
  return {[=](double t) {
    return start + rise * (1 - std::exp(-std::pow(t / constant, 0.6))) + dice->normal(noise);
  }};
}

/// An Ornstein-Uhlenbeck process.
Animal mean_reverting(Random dice) {
  const double level = dice->uniform(0.3, 0.6);
  const double deviation = dice->uniform(0.02, 0.08);
  const double constant = dice->log_uniform(kMinute, 12 * kHour);
  double off = dice->normal(deviation);
  double last = 0;
  return {[=](double t) mutable {
    const double kept = std::exp(-(t - last) / constant);
    off = off * kept + dice->normal(deviation * std::sqrt(1 - kept * kept));
    last = t;
    return level + off;
  }};
}

/// Filled by misses, which become fewer, up to a size near the limit; then it evicts.
Animal cache(Random dice) {
  const double size = dice->uniform(0.7, 0.9);
  const double constant = dice->log_uniform(10 * kMinute, 2 * kDay);
  double used = dice->uniform(0.02, 0.1);
  const double keys = size * dice->uniform(1.0, 1.1);  // all keys there are: a little more
  double last = 0;
  return {[=](double t) mutable {
    used += (keys - used) * (1 - std::exp(-(t - last) / constant));
    last = t;
    used = std::min(used, size);
    return used - dice->uniform(0, 0.01);
  }};
}

/// Filled at one rate up to its size: until it is full it looks like a leak, and is warned about.
Animal cache_hard(Random dice) {
  const double size = dice->uniform(0.7, 0.9);
  const double fill = dice->log_uniform(10 * kMinute, 3 * kDay);
  return {[=](double t) { return size * std::min(1.0, 0.05 + t / fill) - dice->uniform(0, 0.01); }};
}

Animal fds_of_requests(Random dice) {
  const double mean = dice->uniform(100, 400);
  const double phase = dice->uniform(0, kWeek);
  const double limit = 1024;
  return {[=](double t) { return (20 + dice->poisson(mean * (1 + 0.6 * wave(t, phase)))) / limit; },
          limit};
}

Animal deployed_daily(Random dice) {
  const double start = dice->uniform(0.05, 0.2);
  const double end = dice->uniform(0.4, 0.8);
  const double constant = dice->log_uniform(kMinute, 4 * kHour);
  return {[=](double t) {
            const double age = std::fmod(t, kDay);
            return end - (end - start) * std::exp(-age / constant) + dice->normal(0.005);
          },
          1e9, 0, kDay};
}

constexpr auto kMemory = Predictor::kMemory;
constexpr std::array kSpecies = {
    Species{"flat", false, kMemory, flat},
    Species{"noisy", false, kMemory, noisy},
    Species{"warm-up, plateau", false, kMemory, warm_up},
    Species{"GC sawtooth", false, kMemory, sawtooth},
    Species{"daily and weekly rhythm", false, kMemory, daily},
    Species{"heavy-tailed bursts", false, kMemory, bursty},
    Species{"fragmenting, saturates", false, kMemory, fragmenting},
    Species{"mean-reverting walk", false, kMemory, mean_reverting},
    Species{"cache, slowing", false, kMemory, cache},
    Species{"cache, one rate to its cap", false, kMemory, cache_hard},
    Species{"fds of requests", false, Predictor::kFds, fds_of_requests},
    Species{"deployed each day", false, kMemory, deployed_daily},
};

}  // namespace

std::span<const Species> healthy_species() {
  return kSpecies;
}

}  // namespace nines::policy::zoo
