#pragma once
#include <libpq-fe.h>

/// The five characters of SQLSTATE; a character macro, which Swift does not see.
static inline const char *converge_pq_sqlstate(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

/// FATAL, when the session ended with it; never in another language.
static inline const char *converge_pq_severity(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
}

static inline const char *converge_pq_constraint(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
}

static inline const char *converge_pq_primary(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}

static inline const char *converge_pq_table(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_TABLE_NAME);
}

static inline const char *converge_pq_detail(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
}

/// Which function of the server refused.
static inline const char *converge_pq_function(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
}

static void converge_pq_quiet(void *arg, const char *message) {
    (void)arg;
    (void)message;
}

/// Notices would go to standard error, beside the log.
static inline void converge_pq_silence(PGconn *connection) {
    PQsetNoticeProcessor(connection, converge_pq_quiet, 0);
}
