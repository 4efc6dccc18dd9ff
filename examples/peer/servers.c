/* servers.c - see servers.h.
 *
 * SPDX-License-Identifier: MIT */
#include "servers.h"

#include <stdio.h>

void servers_free(struct servers *servers)
{
    json_decref(servers->json);
    servers->json = NULL;
    servers->count = 0;
}

static int refuse(char *error, size_t error_size, const char *sentence)
{
    snprintf(error, error_size, "%s", sentence);
    return -1;
}

static int add_url(struct servers *servers, const json_t *url, const json_t *object, char *error,
                   size_t error_size)
{
    if (!json_is_string(url))
        return refuse(error, error_size, "an ICE server has no \"urls\" that are strings");
    if (servers->count == SERVERS_MAX)
        return refuse(error, error_size, "there are more than 8 ICE servers");
    xcall_ice_server *server = &servers->list[servers->count++];
    xcall_ice_server_init(server, sizeof *server);
    server->url = json_string_value(url);
    server->username = json_string_value(json_object_get(object, "username"));
    server->password = json_string_value(json_object_get(object, "credential"));
    return 0;
}

int servers_take(struct servers *servers, const json_t *array, char *error, size_t error_size)
{
    if (!json_is_array(array))
        return refuse(error, error_size, "ICE servers are an array of objects");
    servers_free(servers);
    servers->json = json_deep_copy(array);
    if (!servers->json)
        return refuse(error, error_size, "there is no memory for the ICE servers");
    size_t index, inner;
    json_t *object, *url;
    json_array_foreach(servers->json, index, object)
    {
        json_t *urls = json_object_get(object, "urls");
        if (!json_is_array(urls)) {
            if (add_url(servers, urls, object, error, error_size))
                return -1;
            continue;
        }
        json_array_foreach(urls, inner, url)
        {
            if (add_url(servers, url, object, error, error_size))
                return -1;
        }
    }
    return 0;
}

int servers_read(struct servers *servers, const char *file, const char *url, char *error,
                 size_t error_size)
{
    json_error_t where;
    json_t *array = file ? json_load_file(file, 0, &where) : json_array();
    if (!array) {
        snprintf(error, error_size, "%s: %s", file, file ? where.text : "no memory");
        return -1;
    }
    if (url && json_is_array(array))
        json_array_append_new(array, json_pack("{s:s}", "urls", url));
    int result = servers_take(servers, array, error, error_size);
    json_decref(array);
    return result;
}
