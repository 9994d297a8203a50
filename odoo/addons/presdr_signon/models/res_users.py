from odoo import api, fields, models
from odoo.http import request

from .auth_oauth_provider import ID_TOKEN

# Where a browser's session keeps what signing out at the provider needs.
SESSION_KEY = "presdr_signon"


class ResUsers(models.Model):
    _inherit = "res.users"

    oauth_session = fields.Char(
        string="Session at the provider", readonly=True, copy=False, prefetch=False, groups=fields.NO_ACCESS
    )

    @api.model
    def _auth_oauth_signin(self, provider, validation, params):
        login = super()._auth_oauth_signin(provider, validation, params)
        if login:
            user = self.search([("oauth_provider_id", "=", provider), ("oauth_uid", "=", validation["user_id"])])
            user.write({"oauth_session": validation.get("sid")})
            if request and ID_TOKEN in validation:
                request.session[SESSION_KEY] = {"provider": provider, "id_token": validation[ID_TOKEN]}
        return login

    @api.model
    def _end_oauth_sessions(self, provider, subject, session):
        """Ends the sessions of whom a logout token means: without their access token, no session of theirs holds any more.

        auth_oauth itself lets the newest sign-in of a person end those before it, so a person has one session. A token about an older session at
        the provider than the one of that sign-in ends nothing.
        """
        domain = [("oauth_provider_id", "=", provider.id), ("oauth_access_token", "!=", False)]
        domain += [("oauth_uid", "=", subject)] if subject else [("oauth_session", "=", session)]
        users = self.search(domain).filtered(lambda user: not session or user.oauth_session in (False, session))
        users.write({"oauth_access_token": False, "oauth_session": False})
        return len(users)
