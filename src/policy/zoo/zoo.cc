#include "policy/zoo/zoo.h"

#include <algorithm>
#include <cmath>

namespace nines::policy::zoo {

double Dice::uniform(double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(engine_);
}
double Dice::log_uniform(double low, double high) {
  return std::exp(uniform(std::log(low), std::log(high)));
}
double Dice::normal(double deviation) {
  return deviation * std::normal_distribution<double>()(engine_);
}
double Dice::exponential(double mean) {
  return mean * std::exponential_distribution<double>()(engine_);
}
double Dice::pareto(double shape) {
  return std::pow(uniform(1e-9, 1), -1 / shape);
}
double Dice::poisson(double mean) {
  return mean <= 0 ? 0 : static_cast<double>(std::poisson_distribution<int>(mean)(engine_));
}

namespace {

constexpr double kMinLeadShare = 0.1;
constexpr double kMinLead = 10;

/// Counts episodes: an urgent forecast belongs to the warning before it, if that had none yet.
class Episodes {
 public:
  bool begins(const Forecast& forecast) {
    const bool continues = forecast.urgent && open_;
    open_ = !forecast.urgent;
    return !continues;
  }
  void forget() { open_ = false; }

 private:
  bool open_ = false;
};

BootTime at(double seconds) {
  return BootTime{static_cast<std::int64_t>(seconds * 1e9)};
}

}  // namespace

Outcome run(const Species& species, std::uint64_t seed, TrendSettings settings) {
  const auto dice = std::make_shared<Dice>(seed);
  const Animal animal = species.make(dice);
  // Buckets begin at boot, and the animal at any time after it.
  const double boot = dice->uniform(1, kDay);
  TrendPredictor predictor(species.predictor, settings);
  Episodes episodes;
  Outcome outcome;
  double first_warning = -1;
  double next_restart = animal.restart_every;
  double time = 0;
  double share = 0;
  for (; time < kWeek; ++outcome.readings) {
    if (animal.restart_every > 0 && time >= next_restart) {
      predictor.restart();
      episodes.forget();
      next_restart += animal.restart_every;
    }
    share = std::max(0.0, animal.share_at(time));
    if (species.failing && share >= 1) break;
    const auto forecast =
        predictor.add({at(boot + time), std::floor(share * animal.limit), animal.limit});
    if (forecast && episodes.begins(*forecast)) {
      if (!species.failing || time < animal.fails_from) {
        ++outcome.false_alarms;
      } else if (first_warning < 0) {
        first_warning = time;
      }
    } else if (forecast && species.failing && time >= animal.fails_from && first_warning < 0) {
      first_warning = time;  // the warning came early, the call to act came in time
    }
    const double wanted = static_cast<double>(predictor.next_reading_in().count()) * 1e-9;
    time += wanted * dice->uniform(1, 1.02);
  }
  outcome.healthy_seconds = species.failing ? std::min(animal.fails_from, time) : time;
  if (!species.failing) return outcome;
  outcome.length = time - animal.fails_from;
  if (first_warning >= 0) outcome.lead = time - first_warning;
  outcome.warned = share >= 1 && first_warning >= 0 &&
                   outcome.lead >= std::max(kMinLead, kMinLeadShare * outcome.length);
  return outcome;
}

}  // namespace nines::policy::zoo
