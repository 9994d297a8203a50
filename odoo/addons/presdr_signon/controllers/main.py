import logging

from odoo import SUPERUSER_ID, http
from odoo.addons.web.controllers.session import Session
from odoo.http import request

from ..models.res_users import SESSION_KEY

_logger = logging.getLogger(__name__)


class SignOut(Session):
    @http.route()
    def logout(self, redirect="/odoo"):
        there = self._sign_out_url()  # before the session is gone, which knows it
        response = super().logout(redirect)
        return request.redirect(there, 303, local=False) if there else response

    def _sign_out_url(self):
        kept = request.session.get(SESSION_KEY)
        if not kept or not request.session.uid or not request.db:
            return None
        provider = request.env["auth.oauth.provider"].sudo().browse(kept["provider"]).exists()
        return provider._sign_out_url(kept["id_token"], request.httprequest.url_root + "web/login") if provider else None


class BackChannel(http.Controller):
    """The provider says, behind the browser's back, that somebody has signed out (OpenID Connect Back-Channel Logout 1.0)."""

    @http.route(
        "/presdr_signon/backchannel", type="http", auth="none", methods=["POST"], csrf=False, save_session=False, readonly=False
    )
    def sign_out(self, logout_token="", **_):
        users = request.env["res.users"].with_user(SUPERUSER_ID)
        # Without an issuer to compare with, no token is believed.
        providers = users.env["auth.oauth.provider"].search(
            [("enabled", "=", True), ("flow", "=", "id_token_code"), ("issuer", "!=", False)]
        )
        for provider in providers:
            claims = provider._parse_logout_token(logout_token)
            if claims:
                ended = users._end_oauth_sessions(provider, claims.get("sub"), claims.get("sid"))
                _logger.info("The provider signed somebody out: %s account(s) here.", ended)
                return self._answer({}, 200)
        return self._answer({"error": "invalid_request"}, 400)

    def _answer(self, body, status):
        return request.make_json_response(body, headers=[("Cache-Control", "no-store")], status=status)
