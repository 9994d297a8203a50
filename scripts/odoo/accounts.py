# Makes the accounts of one database, in `odoo shell`, and prints them in one line of JSON.
import json
import secrets

users = env["res.users"].with_context(no_reset_password=True, tracking_disable=True, active_test=False)


def account(name, *groups):
    password = secrets.token_urlsafe(16)
    values = {"name": name, "password": password, "active": True, "group_ids": [(6, 0, [env.ref(group).id for group in groups])]}
    login = f"{name}@{env.cr.dbname}.test".replace("_", "-")
    user = users.search([("login", "=", login)]) or users.create({"login": login, "email": login, "tz": "UTC", **values})
    user.write(values)
    keys = env["res.users.apikeys"]
    keys.sudo().search([("user_id", "=", user.id)]).unlink()
    key = keys.with_user(user).sudo()._generate("rpc", "tests", None)
    return {"uid": user.id, "login": login, "password": password, "api_key": key}


# A test's browser goes to the address that it was told of: Odoo must not take it for its own for good.
env["ir.config_parameter"].sudo().set_param("web.base.url.freeze", "True")
made = {
    "db": env.cr.dbname,
    "admin": account("admin", "base.group_user", "base.group_system", "base.group_partner_manager", "sales_team.group_sale_manager"),
    "service": account("service", "base.group_user", "base.group_partner_manager", "sales_team.group_sale_salesman_all_leads"),
    "limited": account("limited", "base.group_user"),
}
env.cr.commit()
print("ACCOUNTS " + json.dumps(made))
