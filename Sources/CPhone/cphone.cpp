#include "cphone.h"

#include <cstdlib>
#include <cstring>
#include <string>

#include <phonenumbers/phonenumberutil.h>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace {
template <size_t N>
void copy(char (&target)[N], const std::string &text) {
    const size_t n = text.size() < N - 1 ? text.size() : N - 1;
    std::memcpy(target, text.data(), n);
    target[n] = 0;
}
}  // namespace

extern "C" int cphone_parse(const char *text, size_t len, const char *region, cphone_result *out) {
    try {
        std::memset(out, 0, sizeof(*out));
        const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
        PhoneNumber number;
        if (util.Parse(std::string(text, len), region, &number) != PhoneNumberUtil::NO_PARSING_ERROR) return 1;
        out->possible = util.IsPossibleNumber(number) ? 1 : 0;
        out->valid = util.IsValidNumber(number) ? 1 : 0;
        out->type = static_cast<int>(util.GetNumberType(number));
        out->has_extension = number.has_extension() && !number.extension().empty() ? 1 : 0;
        if (number.has_extension()) copy(out->extension, number.extension());
        out->country_code = number.country_code();
        number.clear_extension();
        std::string formatted;
        util.GetRegionCodeForNumber(number, &formatted);
        copy(out->region, formatted);
        util.Format(number, PhoneNumberUtil::E164, &formatted);
        copy(out->e164, formatted);
        // A number may read back as another one, and then one telephone would pass for two: zeros that lead it where none can ("00 007…" in
        // a country with a trunk prefix), or a sign of mobile telephones that is dialled no longer ("+52 1 …"). The second reading
        // counts, where it is the last and nothing was added that the person typed for something else. What was given in this very form,
        // as every stored number is, has been read a second time by that.
        PhoneNumber again;
        std::string second, third;
        if (formatted == std::string(text, len)) {
            second = formatted;
        } else if (util.Parse(formatted, "ZZ", &again) == PhoneNumberUtil::NO_PARSING_ERROR) {
            util.Format(again, PhoneNumberUtil::E164, &second);
        }
        if (second != formatted) {
            if (util.Parse(second, "ZZ", &again) == PhoneNumberUtil::NO_PARSING_ERROR) util.Format(again, PhoneNumberUtil::E164, &third);
            if (number.italian_leading_zero() || third != second || !util.IsPossibleNumber(again)) {
                out->possible = 0;
            } else {
                number = again;
                copy(out->e164, second);
            }
        }
        util.Format(number, PhoneNumberUtil::INTERNATIONAL, &formatted);
        copy(out->international, formatted);
        util.Format(number, PhoneNumberUtil::NATIONAL, &formatted);
        copy(out->national, formatted);
        return 0;
    } catch (...) {
        return 2;
    }
}

extern "C" int cphone_international(const char *e164, char international[40]) {
    try {
        const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
        if (*e164 != '+') return 1;
        const std::string digits(e164 + 1);
        // No calling code begins with another one, so the shortest that exists is it.
        for (size_t length = 1; length <= 3 && length < digits.size(); length++) {
            const int code = std::atoi(digits.substr(0, length).c_str());
            std::string region;
            util.GetRegionCodeForCountryCode(code, &region);
            if (region.empty() || region == "ZZ") continue;
            const std::string rest = digits.substr(length);
            const size_t zeros = rest.find_first_not_of('0');
            if (zeros == std::string::npos) return 1;
            PhoneNumber number;
            number.set_country_code(code);
            number.set_national_number(std::strtoull(rest.c_str(), nullptr, 10));
            if (zeros > 0) number.set_italian_leading_zero(true);
            if (zeros > 1) number.set_number_of_leading_zeros(static_cast<int>(zeros));
            std::string formatted;
            util.Format(number, PhoneNumberUtil::INTERNATIONAL, &formatted);
            if (formatted.size() >= 40) return 1;
            std::memcpy(international, formatted.c_str(), formatted.size() + 1);
            return 0;
        }
        return 1;
    } catch (...) {
        return 2;
    }
}

extern "C" int cphone_country_code(const char *region) {
    try {
        return PhoneNumberUtil::GetInstance()->GetCountryCodeForRegion(region);
    } catch (...) {
        return 0;
    }
}

extern "C" int cphone_main_region(int country_code, char region[4]) {
    try {
        std::string found;
        PhoneNumberUtil::GetInstance()->GetRegionCodeForCountryCode(country_code, &found);
        if (found.size() != 2 || found == "ZZ") return 1;
        std::memcpy(region, found.c_str(), 3);
        return 0;
    } catch (...) {
        return 2;
    }
}
