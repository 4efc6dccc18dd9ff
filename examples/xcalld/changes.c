/* changes.c - follows what another process (the admin command) wrote: policy, accounts, blocks, settings,
 * devices. A block or suspension holds from the next look, at most 50 ms later.
 * SPDX-License-Identifier: MIT */
#include "core.h"

#define AT_ONCE 64

void account_gone(struct service *service, int64_t user)
{
    device_end(service, user, 0, CLOSE_GONE);
}

static void account_changed(struct service *service, int64_t user)
{
    struct account account = {0};
    int found = store_account_by_id(service->store, user, &account);
    if (!store_worked(service, found, "change"))
        return;
    if (found == STORE_NONE) {
        /* Who deleted it may not have come to its end, and until now it could write here. */
        if (!store_worked(service, store_erase_again(service->store, user, service->now), "change"))
            return;
        erase_soon(service);
    }
    if (found != STORE_OK || account.state == ACCOUNT_SUSPENDED) {
        account_gone(service, user);
        return;
    }
    struct table *devices = &service->sessions->devices;
    struct table_node *node = table_find(devices, table_hash(devices, &user, sizeof user));
    for (; node; node = table_again(node)) {
        struct presence *presence = TABLE_ENTRY(node, struct presence, node);
        if (presence->session.user == user)
            presence->session.paid = account.paid;
    }
    calls_settings_changed(service, user);
}

static void device_changed(struct service *service, int64_t user, int32_t dev)
{
    struct device device = {0};
    int found = store_device_get(service->store, user, dev, &device);
    if (store_worked(service, found, "change") && (found != STORE_OK || device.revoked))
        device_end(service, user, dev, CLOSE_GONE);
}

static void follow(struct service *service, const struct change *change)
{
    bool on = false;
    service->core->counters.changes++;
    switch (change->kind) {
    case CHANGE_ACCOUNT:
        account_changed(service, change->a);
        break;
    case CHANGE_BLOCK:
        if (store_worked(service,
                         store_edge_get(service->store, EDGE_BLOCK, change->a, change->b, &on),
                         "change") &&
            on)
            calls_blocked(service, change->a, change->b);
        break;
    case CHANGE_SETTINGS:
        calls_settings_changed(service, change->a);
        break;
    case CHANGE_POLICY:
        service_reload(service);
        break;
    case CHANGE_DEVICE:
        device_changed(service, change->a, (int32_t)change->b);
        break;
    default:
        break;
    }
}

void changes_poll(struct service *service)
{
    struct change changes[AT_ONCE];
    size_t count = 0;
    int64_t version = 0;
    do {
        if (!store_worked(
                service,
                store_changes(service->store, service->core->change, changes, AT_ONCE, &count),
                "changes"))
            return;
        for (size_t i = 0; i < count && !service->core->failed; i++) {
            follow(service, &changes[i]);
            if (!service->core->failed)
                service->core->change = changes[i].number;
        }
    } while (count == AT_ONCE && !service->core->failed);
    if (store_worked(service, store_policy_version(service->store, &version), "changes") &&
        version != service_policy(service)->version)
        service_reload(service);
}
