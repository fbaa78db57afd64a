#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
/// What libphonenumber says about one typed number.
typedef struct {
    int possible;      // IsPossibleNumber
    int valid;         // IsValidNumber (the metadata ages: treat "not valid" as a warning)
    int type;          // PhoneNumberUtil::PhoneNumberType
    int has_extension; // an extension was typed
    int country_code;  // E.164 calling code
    char region[4];    // ISO 3166-1 alpha-2, may be empty
    char e164[24];
    char international[40];
    char national[40];
    char extension[12]; // its digits
} cphone_result;
/// Parses `text` as typed by a person whose default region is `region` (ISO 3166-1 alpha-2).
/// Never throws across the boundary; returns 0 when a number could be read, another value when not.
int cphone_parse(const char *text, size_t len, const char *region, cphone_result *out);
/// The international form of an E.164 number that was read before, without reading it again; 0 on success.
int cphone_international(const char *e164, char international[40]);
/// The E.164 calling code of a region, 0 when the region is unknown.
int cphone_country_code(const char *region);
/// The main region of a calling code (44 → GB although others share it), written into `region`; 0 on success.
int cphone_main_region(int country_code, char region[4]);
#ifdef __cplusplus
}
#endif
