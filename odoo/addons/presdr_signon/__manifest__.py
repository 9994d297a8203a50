{
    "name": "presdr sign-on",
    "summary": "Signing out of Odoo signs out at the OpenID provider, and the other way round",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "license": "AGPL-3",  # as auth_oidc, which it extends
    "depends": ["auth_oidc"],
    "data": ["views/auth_oauth_provider.xml"],
}
