/* What libsystemd tells of sessions, users and seats, as JSON: sd-login(3).
 *
 *   consumer view         all that there is, on a line
 *   consumer watch        the same, and again whenever sd_login_monitor(3) wakes; `woken` says of what
 *   consumer read PATH    looks at all until PATH exists, and fails when something cannot be read; says how often
 *
 * It is linked with the libsystemd of the host that it runs on. So the functions are declared here.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

int sd_get_sessions(char ***sessions);
int sd_get_uids(uid_t **users);
int sd_get_seats(char ***seats);
int sd_session_get_uid(const char *session, uid_t *uid);
int sd_session_get_state(const char *session, char **state);
int sd_session_get_tty(const char *session, char **tty);
int sd_session_get_seat(const char *session, char **seat);
int sd_session_get_vt(const char *session, unsigned *vt);
int sd_session_get_type(const char *session, char **type);
int sd_session_get_class(const char *session, char **class);
int sd_session_get_service(const char *session, char **service);
int sd_session_get_remote_host(const char *session, char **host);
int sd_session_get_remote_user(const char *session, char **user);
int sd_session_is_active(const char *session);
int sd_session_is_remote(const char *session);
int sd_uid_get_state(uid_t uid, char **state);
int sd_uid_get_display(uid_t uid, char **session);
int sd_uid_get_sessions(uid_t uid, int require_active, char ***sessions);
int sd_uid_get_seats(uid_t uid, int require_active, char ***seats);
int sd_seat_get_active(const char *seat, char **session, uid_t *uid);
typedef struct sd_login_monitor sd_login_monitor;
int sd_login_monitor_new(const char *category, sd_login_monitor **monitor);
int sd_login_monitor_flush(sd_login_monitor *monitor);
int sd_login_monitor_get_fd(sd_login_monitor *monitor);
/* Since 254. */
__attribute__((weak)) int sd_session_get_leader(const char *session, pid_t *leader);
__attribute__((weak)) int sd_session_get_username(const char *session, char **name);

/* How many values could not be read, though their file was there. */
static unsigned failures;

static void string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text < ' ')
            printf("\\u%04x", *text);
        else
            putchar(*text);
    }
    putchar('"');
}

/* Whether there is a value. ENODATA: nothing is known. ENXIO: the file is gone. */
static int is_there(const char *name, int result)
{
    printf(", \"%s\": ", name);
    if (result >= 0)
        return 1;
    printf("null");
    if (result != -ENODATA && result != -ENXIO) {
        fprintf(stderr, "%s: %s\n", name, strerror(-result));
        failures++;
    }
    return 0;
}

static void text(const char *name, int result, char **value)
{
    if (is_there(name, result)) {
        string(*value);
        free(*value);
    }
    *value = NULL;
}

static void number(const char *name, int result, intmax_t value)
{
    if (is_there(name, result))
        printf("%" PRIdMAX, value);
}

static void list(const char *name, int result, char ***values)
{
    if (is_there(name, result)) {
        printf("[");
        for (char **value = *values; value && *value; value++) {
            printf(value == *values ? "" : ", ");
            string(*value);
            free(*value);
        }
        printf("]");
        free(*values);
    }
    *values = NULL;
}

static void session(const char *id)
{
    char *value = NULL;
    uid_t uid = 0;
    unsigned vt = 0;
    pid_t leader = 0;
    int active = sd_session_is_active(id), remote = sd_session_is_remote(id);

    printf("{\"id\": ");
    string(id);
    int result = sd_session_get_uid(id, &uid);
    number("uid", result, uid);
    text("state", sd_session_get_state(id, &value), &value);
    number("active", active, active);
    number("remote", remote, remote);
    text("tty", sd_session_get_tty(id, &value), &value);
    text("seat", sd_session_get_seat(id, &value), &value);
    result = sd_session_get_vt(id, &vt);
    number("vt", result, vt);
    text("type", sd_session_get_type(id, &value), &value);
    text("class", sd_session_get_class(id, &value), &value);
    text("service", sd_session_get_service(id, &value), &value);
    text("remote_host", sd_session_get_remote_host(id, &value), &value);
    text("remote_user", sd_session_get_remote_user(id, &value), &value);
    if (sd_session_get_leader) {
        result = sd_session_get_leader(id, &leader);
        number("leader_pid", result, leader);
        text("user", sd_session_get_username(id, &value), &value);
    }
    printf("}");
}

static void user(uid_t uid)
{
    char *value = NULL, **values = NULL;

    printf("{\"uid\": %u", (unsigned)uid);
    text("state", sd_uid_get_state(uid, &value), &value);
    text("display", sd_uid_get_display(uid, &value), &value);
    list("sessions", sd_uid_get_sessions(uid, -1, &values), &values);
    list("online", sd_uid_get_sessions(uid, 0, &values), &values);
    list("active", sd_uid_get_sessions(uid, 1, &values), &values);
    list("seats", sd_uid_get_seats(uid, -1, &values), &values);
    printf("}");
}

static void seat(const char *name)
{
    char *active = NULL;
    uid_t uid = 0;

    printf("{\"id\": ");
    string(name);
    text("active", sd_seat_get_active(name, &active, &uid), &active);
    printf("}");
}

static void view(const char *woken)
{
    char **sessions = NULL, **seats = NULL;
    uid_t *users = NULL;

    if (sd_get_sessions(&sessions) < 0 || sd_get_seats(&seats) < 0)
        failures++;
    int count = sd_get_uids(&users);
    failures += count < 0;

    printf("{\"woken\": \"%s\", \"sessions\": [", woken);
    for (char **id = sessions; id && *id; id++) {
        printf(id == sessions ? "" : ", ");
        session(*id);
        free(*id);
    }
    printf("], \"users\": [");
    for (int i = 0; i < count; i++) {
        printf(i == 0 ? "" : ", ");
        user(users[i]);
    }
    printf("], \"seats\": [");
    for (char **name = seats; name && *name; name++) {
        printf(name == seats ? "" : ", ");
        seat(*name);
        free(*name);
    }
    printf("]}\n");
    fflush(stdout);
    free(sessions);
    free(users);
    free(seats);
}

/* A monitor of all categories cannot be had where there is no /run/systemd/seats. */
static void watch(void)
{
    static const char *const categories[] = { "session", "uid" };
    sd_login_monitor *monitors[2];
    struct pollfd descriptors[2];

    for (int i = 0; i < 2; i++) {
        if (sd_login_monitor_new(categories[i], &monitors[i]) < 0)
            exit(2);
        descriptors[i] = (struct pollfd) { sd_login_monitor_get_fd(monitors[i]), POLLIN, 0 };
    }
    view("");
    while (poll(descriptors, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            if (descriptors[i].revents) {
                sd_login_monitor_flush(monitors[i]);
                view(categories[i]);
            }
        }
    }
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    if (!strcmp(verb, "view")) {
        view("");
    } else if (!strcmp(verb, "watch")) {
        watch();
    } else if (!strcmp(verb, "read") && argc == 3) {
        unsigned rounds = 0;
        freopen("/dev/null", "w", stdout);
        for (; access(argv[2], F_OK); rounds++)
            view("");
        fprintf(stderr, "%u rounds\n", rounds);
    } else {
        return 2;
    }
    return failures ? 1 : 0;
}
