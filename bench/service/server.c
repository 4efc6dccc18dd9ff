/* server.c - xcalld as a child with its shipped defaults (TLS, audit, gate) in a folder of its own.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define READY_NS UINT64_C(20000000000)

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, size) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        address.sin_port = 0;
    close(fd);
    return ntohs(address.sin_port);
}

static int write_pem(const char *path, EVP_PKEY *key, X509 *certificate)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    int good = file && (key ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL)
                            : PEM_write_X509(file, certificate));
    if (file && fclose(file))
        good = 0;
    return good ? 0 : -1;
}

/* P-256, as most servers have today. */
static int make_certificate(const char *folder)
{
    char path[128];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    int result = X509_sign(certificate, key, EVP_sha256()) ? 0 : -1;
    snprintf(path, sizeof path, "%s/key.pem", folder);
    result |= write_pem(path, key, NULL);
    snprintf(path, sizeof path, "%s/cert.pem", folder);
    result |= write_pem(path, NULL, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return result;
}

int server_prepare(struct server *server)
{
    memset(server, 0, sizeof *server);
    snprintf(server->folder, sizeof server->folder, "/tmp/bench-service-XXXXXX");
    if (!mkdtemp(server->folder) || make_certificate(server->folder))
        return -1;
    server->port = free_port();
    server->health_port = free_port();
    return server->port && server->health_port ? 0 : -1;
}

static bool listens(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool there = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return there;
}

static int write_config(const struct server *server)
{
    char path[128];
    snprintf(path, sizeof path, "%s/xcalld.conf", server->folder);
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    fprintf(file, "health = 127.0.0.1:%u\nconnections_max = 16000\n", server->health_port);
    return fclose(file);
}

int server_start(struct server *server, const char *program)
{
    char listen_at[32], store[128], cert[128], key[128], config[128], log[128];
    snprintf(listen_at, sizeof listen_at, "127.0.0.1:%u", server->port);
    snprintf(store, sizeof store, "%s/xcalld.db", server->folder);
    snprintf(cert, sizeof cert, "%s/cert.pem", server->folder);
    snprintf(key, sizeof key, "%s/key.pem", server->folder);
    snprintf(config, sizeof config, "%s/xcalld.conf", server->folder);
    snprintf(log, sizeof log, "%s/xcalld.log", server->folder);
    if (write_config(server))
        return -1;
    server->pid = fork();
    if (server->pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execl(program, program, "--listen", listen_at, "--store", store, "--tls-cert", cert,
              "--tls-key", key, "--config", config, (char *)NULL);
        _exit(127);
    }
    uint64_t until = load_now_ns() + READY_NS;
    while (!listens(server->port)) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid || load_now_ns() > until) {
            fprintf(stderr, "bench-service: xcalld did not start (its log: %s)\n", log);
            server->pid = 0;
            return -1;
        }
        usleep(10000);
    }
    return 0;
}

void server_kill(struct server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

void server_remove(struct server *server)
{
    static const char *const files[] = {"key.pem",    "cert.pem",      "xcalld.conf",
                                        "xcalld.log", "xcalld.db-wal", "xcalld.db-shm",
                                        "xcalld.db",  "xcalld.db-lock"};
    char path[128];
    server_kill(server);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", server->folder, files[i]);
        unlink(path);
    }
    if (rmdir(server->folder) && errno != ENOENT)
        fprintf(stderr, "bench-service: %s is not empty and stays\n", server->folder);
}

double server_resident_kib(const struct server *server)
{
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)server->pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (file)
        fclose(file);
    return kib;
}

double server_cpu_s(const struct server *server)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)server->pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *behind = strrchr(text, ')');
    if (!behind || sscanf(behind + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                          &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
